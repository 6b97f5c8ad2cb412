// linear_synth_collect: the sums of a round, in output order, Width a beat; zeros behind a command's last.
//
// Two banks of a memory for every slice: a round is written (segment j into the memory of slice j*subsets) while the round
// before it is read, segment by segment.
//
// Latency:       7 cycles from a round's last sums to its first beat.
// Throughput:    one beat a cycle; 2 cycles more a group, 1 more a command.
// Back-pressure: s_axis is never stopped: a bank was reserved for it. A stalled m_axis stops the reading.
//
// Parameters: as in linear_synth
// Ports:
//   s_job_*  one a command: how its outputs are laid out
//   bank_o   a pulse: a bank was read
module linear_synth_collect
  import linear_synth_pkg::*;
#(
    parameter int unsigned Slices = 2,
    parameter int unsigned Width = 16,
    parameter int unsigned Units = 32,
    parameter int unsigned Slots = 32,
    parameter int unsigned DrainW = 2
) (
    input  logic                             clk_i,
    input  logic                             rst_ni,
    input  logic                             clear_i,
    input  logic [      18:0]                s_job_outputs_i,
    input  logic [      15:0]                s_job_group_i,
    input  logic [       2:0]                s_job_subsets_i,
    input  logic                             s_job_valid_i,
    output logic                             s_job_ready_o,     // with the command's last read
    input  logic [Slices-1:0][DrainW*32-1:0] s_axis_tdata,
    input  logic                             s_axis_tlast,
    input  logic                             s_axis_tvalid,
    output logic                             bank_o,
    output logic [Width*32-1:0]              m_axis_tdata,
    output logic                             m_axis_tlast,
    output logic                             m_axis_tvalid,
    input  logic                             m_axis_tready
);
  localparam int unsigned Lines = Units * Slots / Width;  // of a bank
  localparam int unsigned LineW = (Lines > 1) ? $clog2(Lines) : 1;
  localparam int unsigned Steps = Width / OutputStep;  // of a beat, valid or not
  localparam int unsigned TailW = (Steps > 1) ? $clog2(Steps) : 1;
  localparam int unsigned Parts = Width / DrainW;
  localparam int unsigned PartShift = $clog2(Parts);
  localparam int unsigned Fold = 8;  // memories behind one selection
  localparam int unsigned Folds = (Slices + Fold - 1) / Fold;
  localparam int unsigned WordW = $clog2(Folds * Fold);
  localparam int unsigned FoldW = (Folds > 1) ? $clog2(Folds) : 1;
  localparam int unsigned SliceShift = $clog2(Slices);

  // ---- in --------------------------------------------------------------------------------------------------------------
  logic wr_q, rd_q;
  logic [1:0] full_q;
  logic [LineW+PartShift-1:0] count_q;
  logic [Parts-1:0] we;
  always_comb begin
    we = '0;
    for (int unsigned i = 0; i < Parts; i++) we[i] = s_axis_tvalid && PartShift'(i) == count_q[PartShift-1:0];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      wr_q    <= 1'b0;
      rd_q    <= 1'b0;
      full_q  <= '0;
      count_q <= '0;
    end else begin
      if (s_axis_tvalid) count_q <= s_axis_tlast ? '0 : count_q + (LineW + PartShift)'(1);
      if (s_axis_tvalid && s_axis_tlast) begin
        full_q[wr_q] <= 1'b1;
        wr_q         <= !wr_q;
      end
      if (bank_o) begin
        full_q[rd_q] <= 1'b0;
        rd_q         <= !rd_q;
      end
    end
  end

  // ---- what is read next -----------------------------------------------------------------------------------------------
  typedef enum logic [1:0] {
    Idle,
    Group,  // what is left of the command is known now
    Wait,   // for the bank; the length of the group is known now
    Read
  } state_e;

  state_e state_q;
  logic [18:0] left_q;  // outputs of the command from this group on
  logic [5:0] slice_q;  // whose memory holds the segment
  logic [LineW-1:0] line_q, top_q;
  logic [TailW-1:0] tail_q;  // the last valid step of the group's last beat
  logic final_q, high_q, some_q;  // the command's last group; the round's last segment; a bank is full
  logic en;
  wire [15:0] top = (final_q ? left_q[15:0] : s_job_group_i) - 16'd1;
  wire read = state_q == Read && en;
  wire line_last = line_q == top_q;
  wire group_done = read && line_last;
  wire [6:0] next_slice = 7'(slice_q) + (7'd1 << s_job_subsets_i);

  assign bank_o = group_done && (final_q || high_q);
  assign s_job_ready_o = group_done && final_q;

  always_ff @(posedge clk_i) begin
    if (state_q == Group) begin
      final_q <= left_q <= 19'(s_job_group_i);
      high_q  <= next_slice[SliceShift];
    end
    if (state_q == Wait) begin
      line_q <= '0;
      top_q  <= LineW'(top >> $clog2(Width));
      tail_q <= (Steps > 1) ? TailW'(top >> $clog2(OutputStep)) : '0;
    end else if (read) line_q <= line_q + LineW'(1);
    if (state_q == Idle) left_q <= s_job_outputs_i;
    else if (group_done) left_q <= left_q - 19'(s_job_group_i);
    if (!rst_ni || clear_i) begin
      state_q <= Idle;
      slice_q <= '0;
      some_q  <= 1'b0;
    end else begin
      some_q <= full_q[rd_q] && !bank_o;
      if (group_done) slice_q <= (final_q || high_q) ? '0 : next_slice[5:0];
      unique case (state_q)
        Idle: if (s_job_valid_i) state_q <= Group;
        Group: state_q <= Wait;
        Wait: if (some_q) state_q <= Read;
        default: if (group_done) state_q <= final_q ? Idle : Group;
      endcase
    end
  end

  // ---- memories, and the choice between them: eight at a time -----------------------------------------------------------
  logic [Width*32-1:0] word[Folds*Fold];
  logic [Width*32-1:0] fold_q[Folds];
  logic [Width*32-1:0] out_q;
  logic [2:0] valid_q, last_q;
  logic [5:0] sel_q[2];
  logic [TailW-1:0] end_q[2];
  logic out_ready;

  for (genvar s = 0; s < Folds * Fold; s++) begin : gen_slice
    if (s < Slices) begin : gen_memory
      linear_synth_collect_ram #(
          .Width(Width), .Words(2 << LineW), .PartW(DrainW * 32)
      ) i_ram (
          .clk_i, .we_i(we), .waddr_i({wr_q, count_q[PartShift+:LineW]}), .data_i(s_axis_tdata[s]), .en_i(en),
          .raddr_i({rd_q, line_q}), .read_o(word[s])
      );
    end else begin : gen_none
      assign word[s] = '0;
    end
  end

  assign en = out_ready || !valid_q[2];
  always_ff @(posedge clk_i) begin
    if (en) begin
      sel_q[0] <= slice_q;
      sel_q[1] <= sel_q[0];
      last_q   <= {last_q[1:0], line_last && final_q};
      for (int unsigned i = 0; i < Folds; i++) fold_q[i] <= word[WordW'({i[2:0], sel_q[0][2:0]})];
      end_q[0] <= tail_q;
      end_q[1] <= end_q[0];
      out_q <= fold_q[FoldW'(sel_q[1][5:3])];
      for (int unsigned i = 1; i < Steps; i++) begin
        if (last_q[1] && TailW'(i) > end_q[1]) out_q[i*OutputStep*32+:OutputStep*32] <= '0;
      end
    end
    if (!rst_ni || clear_i) valid_q <= '0;
    else if (en) valid_q <= {valid_q[1:0], read};
  end

  spill_register #(
      .Width(Width * 32 + 1)
  ) i_out (
      .clk_i, .rst_ni(rst_ni && !clear_i), .s_data_i({last_q[2], out_q}), .s_valid_i(valid_q[2]), .s_ready_o(out_ready),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready)
  );

  a_reserved :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) s_axis_tvalid |-> !full_q[wr_q]);
  a_job :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) state_q != Idle |-> s_job_valid_i);
endmodule
