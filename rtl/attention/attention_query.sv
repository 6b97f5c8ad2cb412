// attention_query: keeps the q heads of two groups, one in use, one on its way.
//
// Latency:       a group is on offer 1 cycle after its last beat; q_o 1 cycle after its address.
// Throughput:    one beat a cycle.
// Back-pressure: s_axis_tready falls while both places are taken, or no job is there.
//
// Parameters:
//   Ways              beats in a line
//   QHeads, MaxBeats  of a group, lines of a head (a power of two)
module attention_query
  import attention_pkg::*;
#(
    parameter int unsigned Ways = 1,
    parameter int unsigned QHeads = 4,
    parameter int unsigned MaxBeats = 8,
    localparam int unsigned BeatW = (MaxBeats > 1) ? $clog2(MaxBeats) : 1
) (
    input  logic                                     clk_i,
    input  logic                                     rst_ni,
    input  job_t                                     s_job_i,
    input  logic                                     s_job_valid_i,
    output logic                                     s_job_ready_o,
    input  logic [     Ways-1:0][32*Lanes-1:0]       s_axis_tdata,
    input  logic                                     s_axis_tvalid,
    output logic                                     s_axis_tready,
    output group_t                                   m_group_o,      // the group whose q can be read
    output logic                                     m_valid_o,
    input  logic                                     m_ready_i,      // it is used up
    output logic                                     made_o,         // a group is complete: m_made_o
    output group_t                                   m_made_o,
    input  logic                                     made_room_i,
    input  logic [    BeatW-1:0]                     beat_i,
    output logic [     Ways-1:0][QHeads-1:0][32*Lanes-1:0] q_o
);
  job_t job;
  logic job_valid, job_done, room;
  logic [2:0] level;
  logic [1:0] groups;
  fifo #(.Width($bits(job_t)), .Depth(4)) u_jobs (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(s_job_i), .s_valid_i(s_job_valid_i), .s_ready_o(s_job_ready_o),
      .m_data_o(job), .m_valid_o(job_valid), .m_ready_i(job_done), .level_o(level)
  );

  logic write_bank_q, read_bank_q;
  logic [4:0] beat_q;
  logic [3:0] member_q;
  logic [7:0] head_q;
  wire take = s_axis_tvalid && s_axis_tready;
  wire beat_last = beat_q == job.beats - 5'd1;
  wire member_last = member_q == job.group - 4'd1;
  wire head_last = head_q == job.kv_heads - 8'd1;
  assign s_axis_tready = job_valid && room && made_room_i;
  assign made_o = take && beat_last && member_last;
  assign m_made_o = '{beats: job.beats, group: job.group, last: head_last, scale: job.scale};
  assign job_done = made_o && head_last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_bank_q <= 1'b0;
      read_bank_q  <= 1'b0;
      beat_q       <= '0;
      member_q     <= '0;
      head_q       <= '0;
    end else begin
      if (take) beat_q <= beat_last ? '0 : beat_q + 5'd1;
      if (take && beat_last) member_q <= member_last ? '0 : member_q + 4'd1;
      if (made_o) head_q <= head_last ? '0 : head_q + 8'd1;
      if (made_o) write_bank_q <= !write_bank_q;
      if (m_valid_o && m_ready_i) read_bank_q <= !read_bank_q;
    end
  end

  fifo #(.Width($bits(group_t)), .Depth(2)) u_groups (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(m_made_o), .s_valid_i(made_o), .s_ready_o(room),
      .m_data_o(m_group_o), .m_valid_o, .m_ready_i, .level_o(groups)
  );

  for (genvar h = 0; h < QHeads; h++) begin : gen_heads
    (* ram_style = "distributed" *) logic [Ways-1:0][32*Lanes-1:0] mem[2<<BeatW];
    logic [Ways-1:0][32*Lanes-1:0] q_q;
    always_ff @(posedge clk_i) begin
      if (take && member_q == 4'(h)) mem[{write_bank_q, BeatW'(beat_q)}] <= s_axis_tdata;
      q_q <= mem[{read_bank_q, beat_i}];
    end
    for (genvar w = 0; w < Ways; w++) begin : gen_ways
      assign q_o[w][h] = q_q[w];
    end
  end
  wire unused = ^{level, groups, job.fresh, job.position, job.offset, job.stride};
endmodule
