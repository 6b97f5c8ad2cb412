// linear_synth_found: the indices that the slices found in a search, in the order of the positions, for the gathers that follow.
//
// Slice s finds the blocks s, s + Slices, ...; a word of all slices is one lane of Slices neighbouring blocks. What is past the last
// position may stand in the last line, where nobody looks at it.
//
// Latency:       2 cycles from the last word of a line to the line's place; a gather's first line 2 cycles after its job.
// Throughput:    a word a cycle, Lanes*Slices/Width cycles more for every Lanes of them; a line a cycle.
// Back-pressure: jobs are done one after the other; slices wait while lines are written.
//
// Parameters: as in linear_synth
// Ports:
//   s_axis_*  of every slice the index of its block's next lane
//   m_axis_*  Width indices a line, tlast on the vector's last
//   done_o    a pulse: the indices of a search are complete
module linear_synth_found
  import linear_synth_pkg::*;
#(
    parameter int unsigned Slices = 2,
    parameter int unsigned Width = 16,
    parameter int unsigned Lanes = 2,
    parameter int unsigned MaxPositions = 4096,
    parameter int unsigned Depth = 4
) (
    input  logic                         clk_i,
    input  logic                         rst_ni,
    input  logic                         clear_i,
    input  logic                         s_job_search_i,     // 1: search, 0: gather
    input  logic [             15:0]     s_job_positions_i,
    input  logic                         s_job_valid_i,
    output logic                         s_job_ready_o,
    input  logic [Slices-1:0][CidxW-1:0] s_axis_tdata,
    input  logic [Slices-1:0]            s_axis_tvalid,
    output logic                         s_axis_tready,      // all at once
    output logic [Width*CidxW-1:0]       m_axis_tdata,
    output logic                         m_axis_tlast,
    output logic                         m_axis_tvalid,
    input  logic                         m_axis_tready,
    output logic                         done_o
);
  localparam int unsigned Chunk = Lanes * Slices;  // positions of a block of every slice
  localparam int unsigned Parts = (Width > Chunk) ? Width / Chunk : 1;  // chunks of a line
  localparam int unsigned Cuts = (Chunk > Width) ? Chunk / Width : 1;  // lines of a chunk
  localparam int unsigned PartW = (Parts > 1) ? $clog2(Parts) : 1;
  localparam int unsigned CutW = (Cuts > 1) ? $clog2(Cuts) : 1;
  localparam int unsigned LaneW = (Lanes > 1) ? $clog2(Lanes) : 1;
  localparam int unsigned Lines = (MaxPositions > Parts * Chunk) ? MaxPositions / Width : Cuts;
  localparam int unsigned LineW = (Lines > 1) ? $clog2(Lines) : 1;

  logic search, job_valid, job_done;
  logic [15:0] positions;
  logic [$clog2(Depth+1)-1:0] unused_level;
  fifo #(
      .Width(17), .Depth(Depth)
  ) i_jobs (
      .clk_i, .rst_ni, .clear_i, .s_data_i({s_job_search_i, s_job_positions_i}), .s_valid_i(s_job_valid_i),
      .s_ready_o(s_job_ready_o), .m_data_o({search, positions}), .m_valid_o(job_valid), .m_ready_i(job_done),
      .level_o(unused_level)
  );

  typedef enum logic [1:0] {
    Idle,
    Fill,   // words
    Write,  // what they make
    Give
  } state_e;

  state_e state_q;
  logic [LineW-1:0] line_q, top_q;  // top_q: the vector's last line
  logic [15:0] left_q;  // chunks behind this one
  logic last_q;  // the one that is written is the last
  logic [LaneW-1:0] lane_q;
  logic [PartW-1:0] part_q;
  logic [CutW-1:0] cut_q;
  logic [Parts*Chunk*CidxW-1:0] chunk_q;
  logic en, read_q, read_last_q;
  wire word = state_q == Fill && s_axis_tvalid == '1;
  wire lane_end = lane_q == LaneW'(Lanes - 1);
  wire part_end = part_q == PartW'(Parts - 1);
  wire cut_end = cut_q == CutW'(Cuts - 1);
  wire chunk_end = left_q == '0;
  wire give = state_q == Give && en;
  wire line_end = line_q == top_q;
  assign s_axis_tready = word;
  assign job_done = (state_q == Write && cut_end && last_q) || (give && line_end);

  (* ram_style = "distributed" *) logic [Width*CidxW-1:0] mem[Lines];
  logic [Cuts*Width*CidxW-1:0] whole;
  assign whole = (Cuts*Width*CidxW)'(chunk_q);

  always_ff @(posedge clk_i) begin
    if (word) begin
      for (int unsigned s = 0; s < Slices; s++) chunk_q[((32'(part_q)*Slices+s)*Lanes+32'(lane_q))*CidxW+:CidxW] <= s_axis_tdata[s];
    end
    if (state_q == Write) mem[line_q] <= whole[32'(cut_q)*Width*CidxW+:Width*CidxW];
    if (en) begin
      m_axis_tdata <= mem[line_q];
      read_last_q  <= line_end;
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == Idle) begin
      line_q <= '0;
      top_q  <= LineW'((positions - 16'd1) >> $clog2(Width));
      left_q <= (positions - 16'd1) >> $clog2(Chunk);
    end else if (state_q == Write || give) line_q <= line_q + LineW'(1);
    if (word && lane_end) begin
      left_q <= left_q - 16'd1;
      last_q <= chunk_end;
    end
    if (!rst_ni || clear_i) begin
      state_q <= Idle;
      lane_q  <= '0;
      part_q  <= '0;
      cut_q   <= '0;
      read_q  <= 1'b0;
      done_o  <= 1'b0;
    end else begin
      done_o <= state_q == Write && job_done;
      if (en) read_q <= give;
      if (word) lane_q <= lane_end ? '0 : lane_q + LaneW'(1);
      unique case (state_q)
        Idle: if (job_valid) state_q <= search ? Fill : Give;
        Fill:
        if (word && lane_end) begin
          part_q <= part_end ? '0 : part_q + PartW'(1);
          if (part_end || chunk_end) state_q <= Write;
        end
        Write: begin
          part_q <= '0;
          cut_q  <= cut_end ? '0 : cut_q + CutW'(1);
          if (cut_end) state_q <= job_done ? Idle : Fill;
        end
        default: if (give && line_end) state_q <= Idle;
      endcase
    end
  end
  assign en = m_axis_tready || !read_q;
  assign m_axis_tvalid = read_q;
  assign m_axis_tlast = read_last_q;

  a_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      m_axis_tvalid && !m_axis_tready |=> m_axis_tvalid && $stable({m_axis_tdata, m_axis_tlast}));
endmodule
