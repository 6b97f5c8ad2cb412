// accel_regs_bench: accel_regs with the structs to and from the sequencer as plain ports. For tb.py.
module accel_regs_bench
  import accel_regs_pkg::*;
#(
    parameter int unsigned RingDepth = 16,
    parameter int unsigned Slices = 2,
    parameter int unsigned Ports = 8,
    parameter logic [63:0] HardwareHash = 64'hAA44_10DC_8B5E_6EEC
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic [            8:0] s_axil_awaddr,
    input  logic                   s_axil_awvalid,
    output logic                   s_axil_awready,
    input  logic [           31:0] s_axil_wdata,
    input  logic [            3:0] s_axil_wstrb,
    input  logic                   s_axil_wvalid,
    output logic                   s_axil_wready,
    output logic [            1:0] s_axil_bresp,
    output logic                   s_axil_bvalid,
    input  logic                   s_axil_bready,
    input  logic [            8:0] s_axil_araddr,
    input  logic                   s_axil_arvalid,
    output logic                   s_axil_arready,
    output logic [           31:0] s_axil_rdata,
    output logic [            1:0] s_axil_rresp,
    output logic                   s_axil_rvalid,
    input  logic                   s_axil_rready,
    output logic                   irq_o,
    // run
    output logic                   start_o,
    output logic                   abort_o,
    output logic                   clear_o,
    output logic                   seek_o,
    output logic [           31:0] seek_position_o,
    output logic                   watchdog_o,
    output logic [           31:0] prompt_tokens_o,
    output logic [           63:0] image_o,
    output logic [           31:0] program_o,
    output logic [           63:0] port_base_o,
    output logic [           63:0] port_stride_o,
    output logic [           31:0] max_context_o,
    output logic [           31:0] vocab_o,
    output logic [           31:0] chunk_o,
    output logic [           31:0] new_tokens_o,
    output logic [            1:0] sampling_o,  // stop, noise
    output logic [           31:0] inv_temp_o,
    output logic [           31:0] seed_o,
    output logic [          127:0] end_tokens_o,
    // status
    input  logic                   idle_i,
    input  logic                   done_i,
    input  logic [            2:0] ended_by_i,
    input  logic                   error_i,
    input  logic [            7:0] cause_i,
    input  logic [            7:0] place_i,
    input  logic [           63:0] addr_i,
    input  logic [           15:0] descriptor_i,
    input  logic [           31:0] position_i,
    input  logic                   progress_i,
    input  logic [            3:0] turn_i,
    input  logic [            1:0] stall_i,  // dependency, memory
    input  logic [Classes*7-1:0]   beats_i,
    // rings
    output logic [           31:0] m_axis_prompt_tdata,
    output logic                   m_axis_prompt_tlast,
    output logic                   m_axis_prompt_tvalid,
    input  logic                   m_axis_prompt_tready,
    input  logic [           30:0] s_axis_output_tdata,
    input  logic                   s_axis_output_tvalid,
    output logic                   s_axis_output_tready,
    output logic                   live_o  // low while the prompt may be withdrawn: no run
);
  run_t run;
  status_t status;

  assign status = '{
          idle: idle_i,
          done: done_i,
          ended_by: ended_e'(ended_by_i),
          error: error_i,
          cause: cause_e'(cause_i),
          place: place_i,
          addr: addr_i,
          descriptor: descriptor_i,
          position: position_i,
          progress: progress_i,
          turn: turn_i,
          stall_memory: stall_i[0],
          stall_dependency: stall_i[1],
          beats: beats_i
      };

  assign start_o         = run.start;
  assign abort_o         = run.abort_run;
  assign clear_o         = run.clear;
  assign seek_o          = run.seek;
  assign seek_position_o = run.position;
  assign watchdog_o      = run.watchdog;
  assign prompt_tokens_o = run.prompt_tokens;
  assign image_o         = run.image;
  assign program_o       = run.program_unit;
  assign port_base_o     = run.port_base;
  assign port_stride_o   = run.port_stride;
  assign max_context_o   = run.max_context;
  assign chunk_o         = run.chunk;
  assign vocab_o         = run.vocab;
  assign new_tokens_o    = run.new_tokens;
  assign sampling_o      = {run.stop, run.noise};
  assign inv_temp_o      = run.inv_temp;
  assign seed_o          = run.seed;
  assign end_tokens_o    = run.end_tokens;
  assign live_o          = rst_ni && i_dut.run_q;

  accel_regs #(
      .RingDepth(RingDepth), .Slices(Slices), .Ports(Ports), .HardwareHash(HardwareHash)
  ) i_dut (
      .clk_i, .rst_ni, .s_axil_awaddr, .s_axil_awprot(3'd0), .s_axil_awvalid, .s_axil_awready, .s_axil_wdata, .s_axil_wstrb,
      .s_axil_wvalid, .s_axil_wready, .s_axil_bresp, .s_axil_bvalid, .s_axil_bready, .s_axil_araddr, .s_axil_arprot(3'd0),
      .s_axil_arvalid, .s_axil_arready, .s_axil_rdata, .s_axil_rresp, .s_axil_rvalid, .s_axil_rready, .irq_o, .run_o(run),
      .status_i(status), .m_axis_prompt_tdata, .m_axis_prompt_tlast, .m_axis_prompt_tvalid, .m_axis_prompt_tready,
      .s_axis_output_tdata, .s_axis_output_tvalid, .s_axis_output_tready
  );
endmodule
